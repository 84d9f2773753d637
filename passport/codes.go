package passport

import "cmp"

// The site's codes that this package knows by number.
const (
	codeOK            = 0
	codeNotLoggedIn   = -101
	codeRiskControl   = -352
	codeBanned        = -412
	codeOverLimit     = -509
	codeTooFrequent   = -799
	codeServerError   = -500
	codeOverloaded    = -503
	codeServerTimeout = -504

	codeNotScanned = 86101
	codeScanned    = 86090
	codeGone       = 86038 // expired, unknown or already used

	codeWrongCSRF  = -111
	codeMalformed  = -400
	codeMismatch   = 86095
	codeLogoutCSRF = 2202

	codeIntlGone       = 10018100
	codeIntlNotScanned = 10018101
	codeIntlScanned    = 10018102
)

// The codes of the captcha and of the login by SMS. The four-digit ones are the
// web's; the others were seen with the apps, and may come here too.
const (
	codeBadNumber      = 1002
	codeTooSoon        = 1003
	codeWrongSMS       = 1006
	codeSMSExpired     = 1007
	codeNumberBanned   = 1025
	codeCaptchaToken   = 2400
	codeCaptchaFailed  = 2406
	codeCaptchaWrong   = -105 // in news of 2026
	codeSMSRefused     = 86103
	codeAppWrongSMS    = 86202
	codeDailyLimit     = 86203
	codeAppSMSExpired  = 86205
	codeAreaDiffers    = 86206
	codeNumberDiffers  = 86207
	codeAccountTrouble = 86036
)

// codeText names what people should read beside a bare number.
func codeText(code int) string {
	return cmp.Or(commonText(code), smsText(code), loginText(code), intlText(code))
}

func commonText(code int) string {
	switch code {
	case codeNotLoggedIn:
		return "not logged in"
	case -102:
		return "the account is banned"
	case codeRiskControl:
		return "risk control"
	case codeBanned:
		return "address blocked"
	case codeOverLimit, codeTooFrequent:
		return "too many requests"
	case codeServerError, codeOverloaded, codeServerTimeout:
		return "server trouble"
	case codeWrongCSRF, codeLogoutCSRF:
		return "csrf refused"
	case codeMalformed:
		return "malformed request"
	case -403:
		return "forbidden"
	case -404:
		return "no such thing at the site"
	case -405:
		return "method not allowed"
	}
	return ""
}

func smsText(code int) string {
	switch code {
	case codeBadNumber:
		return "the phone number is wrong"
	case codeTooSoon:
		return "a message has just been sent to this number, wait a minute"
	case codeWrongSMS, codeAppWrongSMS:
		return "the code from the message is wrong"
	case codeSMSExpired, codeAppSMSExpired:
		return "the code from the message has expired, ask for another"
	case codeNumberBanned:
		return "the site does not serve this phone number any more"
	case codeCaptchaToken:
		return "the captcha is not one that the site gave, or has been used"
	case codeCaptchaFailed, codeCaptchaWrong:
		return "the captcha was not solved"
	case codeSMSRefused:
		return "refused by risk control; log in by QR code instead"
	case codeDailyLimit:
		return "this number has had all of today's messages"
	case codeAreaDiffers:
		return "the country is another than the one that the message was sent to"
	case codeNumberDiffers:
		return "the number is another than the one that the message was sent to"
	}
	return ""
}

func loginText(code int) string {
	switch code {
	case -3:
		return "bad signature of the app"
	case -625:
		return "too many attempts to log in"
	case -629:
		return "wrong user name or password"
	case -643:
		return "the login is locked"
	case -658:
		return "the token has expired"
	case -662:
		return "the form took too long to be sent"
	case -663:
		return "the token is another app's"
	case -903, codeMismatch:
		return "refresh token or page code does not match"
	case 20000:
		return "the site has retired this way to log in"
	case 86000:
		return "the password could not be decrypted"
	case codeAccountTrouble:
		return "the site finds the account unusual; verify it in the app"
	case codeGone:
		return "the QR code has run out or been used"
	case 86039:
		return "the QR code is not confirmed yet"
	case codeScanned:
		return "the QR code is scanned but not confirmed"
	case 86096:
		return "the app that scanned is too old"
	case codeNotScanned:
		return "nobody has scanned the QR code"
	}
	return ""
}

func intlText(code int) string {
	switch code {
	case codeIntlGone:
		return "the QR code has run out"
	case codeIntlNotScanned:
		return "nobody has scanned the QR code"
	case codeIntlScanned:
		return "the QR code is scanned but not confirmed"
	case 10003003:
		return "the site is not open to this region"
	case 10004001, 10015002:
		return "not permitted here"
	case 10004004, 10004005:
		return "the site wants a login"
	case 10004006:
		return "the site wants a login or a paid membership"
	case 10023006:
		return "the site wants to know the device"
	}
	return ""
}
